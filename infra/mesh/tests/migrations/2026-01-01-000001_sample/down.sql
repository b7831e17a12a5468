DROP TABLE number_head, number, tally, tale, note;
